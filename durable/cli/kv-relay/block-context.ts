// What a block's content depends on besides its tokens: the LoRA, the salt, and whatever is no text. vLLM gives a list
// for each block, in the order LoRA, images, salt (of a prompt's first block only), embeddings; SGLang gives a map.

export interface BlockContext {
  readonly adapter: string;
  readonly salt: string;
  readonly textBlocks: number;
}

export type Fields = ReadonlyMap<string, unknown>;

export function readContext(fields: Fields, blocks: number, beginsPrompt: boolean): BlockContext {
  const adapter = readAdapter(fields.get("lora_name"), fields.get("lora_id"));
  const said = saltOf(fields.get("metadata"));
  const extras = fields.get("extra_keys");
  if (!Array.isArray(extras)) return { adapter, salt: said, textBlocks: blocks };

  const isPerBlock = extras.every((one) => one === null || Array.isArray(one));
  const lists = isPerBlock ? (extras as readonly (readonly unknown[] | null)[]) : [extras];
  let salt = said;
  let textBlocks = blocks;
  for (let at = 0; at < Math.min(blocks, lists.length); at++) {
    const rest = withoutAdapter(lists[at] ?? [], adapter);
    // Nothing tells a salt from an image's name where both are texts. A prompt's first block has its salt behind
    // its images; taking an image for a salt hides the prompt from everybody, which is where it belongs.
    const last = rest.at(-1);
    if (at === 0 && beginsPrompt && typeof last === "string") {
      salt = last;
      rest.pop();
    }
    if (rest.length === 0) continue;
    textBlocks = at;
    break;
  }
  return { adapter, salt, textBlocks };
}

/** An engine that gives only a number is one whose LoRAs the gateway cannot name. */
function readAdapter(name: unknown, number: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  if (typeof number === "string" && number !== "") return number;
  return typeof number === "number" || typeof number === "bigint" ? `#${number}` : "";
}

/** Once only: a salt may be spelled like the LoRA. */
function withoutAdapter(list: readonly unknown[], adapter: string): unknown[] {
  if (adapter === "" || list.length === 0) return [...list];
  const isAdapter =
    list[0] === adapter || (adapter.startsWith("#") && !Array.isArray(list[0]) && isName(list[0]));
  return list.slice(isAdapter ? 1 : 0);
}

function isName(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}

function saltOf(metadata: unknown): string {
  if (typeof metadata !== "object" || metadata === null) return "";
  const { cache_salt: salt } = metadata as { readonly cache_salt?: unknown };
  return typeof salt === "string" ? salt : "";
}
