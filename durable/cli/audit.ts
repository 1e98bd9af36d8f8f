// `npm run -s audit < journal.jsonl`: follows a ledger's journal, or those of all ledgers of a tenant, as
// GET /admin/v1/tenants/{id}/journal gives them page by page, and prints one object: what they add up to, whether their
// hash chains are whole, and everything that cannot be.
//   node durable/cli/audit.ts [FILE ...] < journal.jsonl
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { JoinedAudit } from "./joined-audit.ts";

/** Told in the report; `problemCount` is whole. */
const PROBLEMS_TOLD_MAX = 100;

const sha256 = async (text: string): Promise<string> =>
  createHash("sha256").update(text, "utf8").digest("hex");

const audit = new JoinedAudit(sha256);
const files = process.argv.slice(2);
try {
  for (const file of files.length === 0 ? [null] : files)
    for await (const line of linesOf(file === null ? process.stdin : createReadStream(file)))
      await audit.take(line);
} catch (error) {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  process.stderr.write(`audit: the journal cannot be read (${code})\n`);
  process.exit(1);
}
const { problems, ...report } = await audit.end();
process.stdout.write(
  `${JSON.stringify({
    ...report,
    problemCount: problems.length,
    problems: problems.slice(0, PROBLEMS_TOLD_MAX),
  })}\n`,
);
if (problems.length > 0) process.exitCode = 1;

/** A line ends at \n and nowhere else: a text may hold U+2028. The last may end without. */
async function* linesOf(source: NodeJS.ReadableStream): AsyncGenerator<string> {
  source.setEncoding("utf8");
  let rest = "";
  for await (const chunk of source) {
    const lines = `${rest}${String(chunk)}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
