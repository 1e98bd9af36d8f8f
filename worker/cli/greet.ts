// What a start prints: where the gateway listens, a key, and a command that works when it is pasted. The admin secret is
// not printed, because terminals are shown and logs are kept; the file that holds it is.
export interface Greeting {
  readonly url: string;
  readonly secret: string;
  readonly upstream: string;
  readonly adminSecretFile: string;
}

export function greet({ url, secret, upstream, adminSecretFile }: Greeting): void {
  console.log(`Sluice listens on ${url}
  in front of ${upstream}
  demo key ${secret}
  admin secret in ${adminSecretFile}

Ask it something:

  curl ${url}/v1/chat/completions \\
    -H 'authorization: Bearer ${secret}' \\
    -H 'content-type: application/json' \\
    -d '{"model": "auto", "messages": [{"role": "user", "content": "What is 17 times 24?"}]}'

Ctrl-C ends it.`);
}
