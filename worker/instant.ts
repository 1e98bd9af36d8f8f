// How answers write an instant.

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
