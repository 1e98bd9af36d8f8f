// What a start prints: where the gateway listens, a key, and a command that works when it is pasted.
export function greet(url: string, secret: string, upstream: string): void {
  console.log(`Sluice listens on ${url}
  in front of ${upstream}
  demo key ${secret}

Ask it something:

  curl ${url}/v1/chat/completions \\
    -H 'authorization: Bearer ${secret}' \\
    -H 'content-type: application/json' \\
    -d '{"model": "auto", "messages": [{"role": "user", "content": "What is 17 times 24?"}]}'

Ctrl-C ends it.`);
}
