// The bench's upstream, in a process of its own: fixed answers without a pause, so that what is measured is the gateway.
// Prints its port when it listens. `POST` bodies with `"stream":true` get 35 events, all others one small answer.
import { createServer } from "node:http";

const USAGE = { prompt_tokens: 12, completion_tokens: 33, total_tokens: 45 };
const HEAD = { id: "chatcmpl-bench", created: 1, model: "bench" };

const WHOLE = JSON.stringify({
  ...HEAD,
  object: "chat.completion",
  choices: [
    { index: 0, message: { role: "assistant", content: "Forty-two." }, finish_reason: "stop" },
  ],
  usage: USAGE,
});

function event(fields: object): string {
  return `data: ${JSON.stringify({ ...HEAD, object: "chat.completion.chunk", ...fields })}\n\n`;
}

const EVENTS = [
  event({
    choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
  }),
  ...Array.from({ length: 31 }, (_, at) =>
    event({ choices: [{ index: 0, delta: { content: ` word${at}` }, finish_reason: null }] }),
  ),
  event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  event({ choices: [], usage: USAGE }),
  "data: [DONE]\n\n",
];

const server = createServer((request, response) => {
  let isStream = false;
  request.on("data", (chunk: Buffer) => {
    // It stands near the end of every body that the bench sends, whoever has written it anew.
    isStream ||= chunk.includes('"stream":true');
  });
  request.on("end", () => {
    if (!isStream) {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": WHOLE.length,
      });
      response.end(WHOLE);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    // One write an event, as engines do.
    for (const text of EVENTS) response.write(text);
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(address.port);
});
process.on("SIGTERM", () => {
  server.closeAllConnections();
  server.close(() => process.exit(0));
});
