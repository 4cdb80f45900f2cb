import { notHeld } from './errors.ts';

/**
 * Reads the body of a Fetch `Response` to its end, where it is called: in the transaction that is ambient there.
 * @param limit the most bytes that it may have
 * @throws ResponseNotHeldError for a longer one, or one that has no end; what reading it throws
 */
export async function holdBody(response: Response, limit: number): Promise<Response> {
  const { body, status, statusText, headers } = response;
  if (body === null) return response;
  if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
    await body.cancel();
    throw notHeld('it is a stream of events, which has no end');
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    // One that comes in one piece was in memory before.
    if (size > limit && chunks.length > 0) {
      await reader.cancel();
      throw notHeld(`it is larger than ${limit} bytes`);
    }
    chunks.push(value);
  }
  return new Response(Buffer.concat(chunks), { status, statusText, headers });
}
