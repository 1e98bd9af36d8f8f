// Log-probabilities in OpenAI's shape: one entry a token, plausible numbers drawn from the token.
import { drawUniform } from "./chance.ts";
import { pieces } from "./tokens.ts";

type TokenLogprob = {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
};
export type Logprobs = {
  readonly content: readonly (TokenLogprob & { readonly top_logprobs: readonly TokenLogprob[] })[];
  readonly refusal: null;
};

/** The top token takes most of the mass; each further one a fraction of what is left. */
const nextShare = 0.6;

export function writeLogprobs(text: string, topCount: number): Logprobs {
  const content = pieces(text).map((latin, index) => {
    const probability = 0.55 + 0.44 * drawUniform(`${index}|${latin}`);
    const own = describe(latin, probability);
    let left = 1 - probability;
    const others = Array.from({ length: Math.max(0, topCount - 1) }, (_, rank) => {
      const share = left * nextShare;
      left -= share;
      return describe(`${latin.slice(0, 2)}${rank}`, share);
    });
    return { ...own, top_logprobs: topCount === 0 ? [] : [own, ...others] };
  });
  return { content, refusal: null };
}

function describe(latin: string, probability: number): TokenLogprob {
  const bytes = Buffer.from(latin, "latin1");
  return {
    token: bytes.toString(),
    logprob: Math.round(Math.log(probability) * 1e6) / 1e6,
    bytes: [...bytes],
  };
}
