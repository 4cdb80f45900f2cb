import { StreamableFile } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { holdBody, holdStream, readableOf, type StreamedBody } from '../../../http/index.ts';

/**
 * What a handler has returned, with its stream read to the end: in the transaction that is ambient here, since Nest reads it when
 * that is over.
 * @param limit the most bytes that it may have
 * @param signal ends it
 * @param isFastify whether a stream that is no `StreamableFile` is an answer, too
 * @throws ResponseNotHeldError for a longer one; what reading it throws
 */
export async function holdValue(
  value: unknown,
  limit: number,
  signal: AbortSignal,
  isFastify: boolean,
): Promise<unknown> {
  if (value instanceof StreamableFile) {
    const bytes = await read(value.getStream(), limit, signal);
    const { type, disposition, length } = value.getHeaders();
    const options = {
      type,
      ...(disposition === undefined ? {} : { disposition }),
      ...(length === undefined ? {} : { length }),
    };
    return new StreamableFile(bytes, options).setErrorHandler(value.errorHandler).setErrorLogger(value.errorLogger);
  }
  if (!isFastify) return value;
  if (value instanceof Response) return await holdBody(value, limit, signal);
  return isStream(value) ? await read(readableOf(value), limit, signal) : value;
}

async function read(source: Readable, limit: number, signal: AbortSignal): Promise<Buffer> {
  signal.addEventListener('abort', () => source.destroy(), { once: true });
  return await holdStream(source, limit);
}

function isStream(value: unknown): value is StreamedBody {
  if (typeof value !== 'object' || value === null) return false;
  const { pipe, getReader } = value as { readonly pipe?: unknown; readonly getReader?: unknown };
  return typeof pipe === 'function' || typeof getReader === 'function';
}
