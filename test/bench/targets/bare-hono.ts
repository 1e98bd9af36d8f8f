// The floor: a Hono Worker that parses the body, writes it again, and passes the upstream's answer on untouched.
import { Hono } from "hono/tiny";

interface Bindings {
  readonly UPSTREAM_BASE_URL: string;
}

const app = new Hono<{ Bindings: Bindings }>();

app.post("/v1/chat/completions", async (context) => {
  const body: unknown = JSON.parse(await context.req.raw.text());
  return fetch(`${context.env.UPSTREAM_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
});

export default app;
