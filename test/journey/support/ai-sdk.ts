// The AI SDK's two ways to a chat completions API, each with no more than a base URL and a key.
import { createOpenAI } from "@ai-sdk/openai";
import {
  createOpenAICompatible,
  type OpenAICompatibleProviderSettings,
} from "@ai-sdk/openai-compatible";
import type { LanguageModel } from "ai";
import type { GatewayUnderTest } from "./gateway-under-test.ts";

type Access = Pick<GatewayUnderTest, "url" | "secret">;
type Switches = Pick<
  OpenAICompatibleProviderSettings,
  "includeUsage" | "supportsStructuredOutputs"
>;

export interface AiSdkClient {
  readonly client: string;
  /** In the names of tenants. */
  readonly short: string;
  readonly modelOf: (access: Access, id: string) => LanguageModel;
}

export const AI_SDK_CLIENTS: readonly AiSdkClient[] = [
  { client: "@ai-sdk/openai-compatible", short: "compatible", modelOf: compatibleModel },
  {
    client: "@ai-sdk/openai .chat",
    short: "openai",
    modelOf: ({ url, secret }, id) =>
      createOpenAI({ baseURL: `${url}/v1`, apiKey: secret }).chat(id),
  },
];

export function compatibleModel(
  { url, secret }: Access,
  id: string,
  switches: Switches = {},
): LanguageModel {
  return createOpenAICompatible({
    name: "sluice",
    baseURL: `${url}/v1`,
    apiKey: secret,
    ...switches,
  })(id);
}
