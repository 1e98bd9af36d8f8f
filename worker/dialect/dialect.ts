// What every client API must offer: read a request, write an answer, write an event of one, and fail in its own shape.
// A dialect is a file beside this one and a line in table.ts; nothing else in the worker knows its field names.
import type { Usage } from "../../policies/account.ts";
import type { Failure } from "../failure.ts";
import type { Member } from "../stream/json-text.ts";
import type { PublicFailure } from "../public-failure.ts";

/** A request in the gateway's own words, together with the body that goes on to an upstream. */
export interface Ask {
  /** As the client wrote it: `auto`, `auto:short`, or a catalog model. */
  readonly model: string;
  readonly isStream: boolean;
  /** The client asked for the usage chunk itself; otherwise it is taken out of the stream again. */
  readonly wantsUsage: boolean;
  /** The larger of the client's bounds on output; null when it set none. */
  readonly outputTokensMax: number | null;
  /** How many answers to the one question; each may be as long as the bound. */
  readonly answers: number;
  readonly effort: string | null;
  /** Whom the client asks for, as the client names them; null where it does not. */
  readonly user: string | null;
  readonly setsTemperature: boolean;
  /** The client drives an engine's thinking by fields of its own, so Sluice leaves them alone. */
  readonly setsThinking: boolean;
  /** The client constrains the answer's form: JSON, a schema, a grammar. */
  readonly isConstrained: boolean;
  /** That form is JSON, or a schema of it. */
  readonly wantsJson: boolean;
  readonly hasTools: boolean;
  /** The last user turn, which the probe reads. */
  readonly query: string;
  /** The last user turn that something in the conversation has answered already; null when there is none. */
  readonly earlierQuery: string | null;
  readonly userTurns: number;
  /** Something answered before in this conversation. */
  readonly hasHistory: boolean;
  /** The last turn is the result of a tool. */
  readonly isToolResult: boolean;
  /** System text and first user turn: what tells conversations apart when no session is named. */
  readonly conversationSeed: string;
  /** Bytes that become input as text, for an even guess: what is encoded among them is left out. */
  readonly inputBytes: number;
  /** The most tokens that the text of the body may become: the messages, the tools, and what else a model may read. */
  readonly inputTokensMax: number;
  /** The most tokens that sound, films and files may become, by their length. */
  readonly mediaTokensMax: number;
  /** The body does not bound its input: a template of its own, a film by its address. What a model's context holds does. */
  readonly isUnbounded: boolean;
  /** Parts whose size the text does not show: images, audio, files. */
  readonly unseenParts: number;
  /** The body for an upstream, in the chat-completions form that all upstreams speak. */
  readonly wire: string;
  /** The members of that body, found once. */
  readonly wireMembers: readonly Member[];
}

export type ReadAsk =
  | { readonly kind: "read"; readonly ask: Ask }
  | Extract<Failure, { kind: "malformed-json" | "invalid-field" }>;

/** What an upstream's answer says, free of any dialect. */
export type Delta =
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "tool-call";
      readonly index: number;
      readonly id: string | null;
      readonly name: string | null;
      readonly arguments: string;
    }
  | { readonly kind: "finish"; readonly reason: string }
  | { readonly kind: "usage"; readonly usage: Usage };

/** What an answer needs to know of itself to be written. */
export interface AnswerHead {
  readonly requestId: string;
  readonly model: string;
  readonly createdSeconds: number;
  readonly wantsUsage: boolean;
}

export interface Dialect {
  readonly name: string;
  readonly path: string;
  /** Upstream bytes may pass as they are, because they already are this dialect. */
  readonly passesBytes: boolean;
  read(body: string): ReadAsk;
  /** A whole answer out of deltas. */
  write(head: AnswerHead, deltas: readonly Delta[]): string;
  /** The stream's first bytes, one delta's, and its last. */
  readonly event: {
    open(head: AnswerHead): string;
    delta(head: AnswerHead, delta: Delta): string;
    /** Ends answers of a relayed stream for want of room, as their own engine would have: those of these numbers. */
    cut(head: AnswerHead, answers: readonly number[]): string;
    close(head: AnswerHead): string;
  };
  readonly fail: {
    body(failure: PublicFailure, requestId: string): string;
    /** A failure after the headers went: an event, never followed by a clean end. */
    event(failure: PublicFailure, requestId: string): string;
  };
  /** The explanation, where this dialect has room for it. */
  readonly explain: {
    /** Adds it to a whole answer, every other byte kept. */
    body(answer: string, explanation: string): string;
    /** An event before the stream's end; the dialect says which data ends it. */
    event(head: AnswerHead, explanation: string): string;
    isLast(data: string): boolean;
  };
}
