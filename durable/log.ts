// What objects tell the log: an event by name with its fields, as one line of JSON.

/** Something failed, and somebody may have to mend it. */
export function logError(event: string, fields: object): void {
  console.error(JSON.stringify({ event, ...fields }));
}
