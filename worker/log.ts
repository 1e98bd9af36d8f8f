// What the log is told besides requests: an event by name with its fields, as one line of JSON.

/** Something failed, and somebody may have to mend it. */
export function logError(event: string, fields: object): void {
  console.error(line(event, fields));
}

/** Something was done that shall be found again. */
export function logEvent(event: string, fields: object): void {
  console.log(line(event, fields));
}

function line(event: string, fields: object): string {
  return JSON.stringify({ event, ...fields });
}
