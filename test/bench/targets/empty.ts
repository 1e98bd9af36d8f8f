// Nothing but an answer, to measure what a start costs before any code of ours.
export default { fetch: (): Response => new Response("ok") } satisfies ExportedHandler;
