// The three requests of the bench: a small question, an agent's 75 KB with 24 tools, and a stream of 35 events.

export const SHAPES = ["small", "agent", "stream"] as const;
export type Shape = (typeof SHAPES)[number];

const QUESTION = "A train leaves at nine and arrives at noon, how long does it travel?";
const TOOLS = 24;
const AGENT_BYTES = 75_000;
const STREAM_EVENTS = 35;

export function bodyOf(shape: Shape, model: string): string {
  const messages = [
    { role: "system", content: "You are a careful assistant. " },
    { role: "user", content: QUESTION },
  ];
  switch (shape) {
    case "small":
      return JSON.stringify({ model, messages, temperature: 0.2, stream: false });
    case "stream":
      return JSON.stringify({ model, messages, temperature: 0.2, stream: true });
    case "agent":
      return JSON.stringify({
        model,
        messages: [...history(), ...messages],
        tools: tools(),
        stream: false,
      });
  }
}

function tools(): object[] {
  return Array.from({ length: TOOLS }, (_, at) => ({
    type: "function",
    function: {
      name: `tool_${at}`,
      description: `Does the thing number ${at}. `.repeat(20),
      parameters: {
        type: "object",
        properties: Object.fromEntries(
          Array.from({ length: 8 }, (__, field) => [
            `field_${field}`,
            { type: "string", description: "What the field is for, in a sentence." },
          ]),
        ),
        required: ["field_0"],
      },
    },
  }));
}

/** Turns as an agent has them: code, paths, output of tools. */
function history(): object[] {
  const turns: object[] = [];
  const line = 'const result = await read("src/index.ts"); // "quoted" \\ escaped\n';
  let bytes = JSON.stringify(tools()).length;
  while (bytes < AGENT_BYTES) {
    const content = line.repeat(20);
    turns.push({ role: "user", content }, { role: "assistant", content });
    bytes += 2 * content.length;
  }
  return turns;
}

/** The stream that the steps read by themselves. */
export function sampleEvents(): Uint8Array {
  const delta = (content: string) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
  return new TextEncoder().encode(
    Array.from({ length: STREAM_EVENTS }, (_, at) => delta(` word${at}`)).join(""),
  );
}
