// What stops a start: a message for the person at the terminal, printed without a stack.
export class StartFailure extends Error {
  override readonly name = "StartFailure";
}
