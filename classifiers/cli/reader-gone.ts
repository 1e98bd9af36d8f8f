// What a command-line program does when nobody reads its output any more, as `head` does after its last line.

/** Ends the program without a word then. Nothing failed: whoever read has what they wanted. Any other fault is thrown. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}
