/** What is needed of a response of Node.js to have its client leave. */
export interface LeavableResponse {
  /** Whether the head of the answer has gone out. */
  readonly headersSent: boolean;
  /** That of HTTP/2. */
  readonly stream?: object | undefined;
  /** Sets a header. */
  setHeader(name: string, value: string): unknown;
}

/** Has a client send no more requests on the connection of this response, which is answered: for a server that is about to end. */
export function askToLeave(response: LeavableResponse): void {
  const { session }: { readonly session?: { close(): void } } = response.stream ?? {};
  if (response.stream !== undefined) session?.close();
  else if (!response.headersSent) response.setHeader('connection', 'close');
}
