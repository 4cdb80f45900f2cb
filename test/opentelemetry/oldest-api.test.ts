// The oldest @opentelemetry/api that the package installs with, in a program that has no other.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as oldest from 'opentelemetry-api-1.3';
import { afterAll, expect, it, vi } from 'vitest';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';

vi.mock('@opentelemetry/api', () => import('opentelemetry-api-1.3'));

const server = useTestDatabase();

/** What an SDK of that time is, as far as it is needed. */
class SpanOfThen {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  hasEnded = false;

  constructor(name: string, attributes: oldest.Attributes = {}) {
    this.name = name;
    this.attributes = { ...attributes };
  }

  spanContext = (): oldest.SpanContext => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
  isRecording = (): boolean => true;
  setAttribute = (key: string, value: unknown): this =>
    Object.assign(this, { attributes: { ...this.attributes, [key]: value } });
  setAttributes = (attributes: oldest.Attributes): this =>
    Object.assign(this, { attributes: { ...this.attributes, ...attributes } });
  setStatus = (): this => this;
  addEvent = (): this => this;
  end = (): void => void (this.hasEnded = true);
}

afterAll(() => oldest.trace.disable());

it('makes spans and metrics with the lowest version of its range', async () => {
  const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
  const { peerDependencies, devDependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  expect(`npm:@opentelemetry/api@${peerDependencies?.['@opentelemetry/api']?.slice(1)}`).toBe(
    devDependencies?.['opentelemetry-api-1.3'],
  );
  const spans: SpanOfThen[] = [];
  const startSpan = (name: string, options?: oldest.SpanOptions): SpanOfThen => {
    const span = new SpanOfThen(name, options?.attributes);
    spans.push(span);
    return span;
  };
  using _ = instrumentSluice();
  const database = server.open();
  await insert(database, 1);
  oldest.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as never });
  await database.transaction(() => insert(database, 2), { name: 'checkout' });
  expect(spans.map(({ name, hasEnded }) => [name, hasEnded])).toEqual([
    ['transaction checkout', true],
    ['INSERT product', true],
  ]);
  expect(spans[0]?.attributes).toMatchObject({ 'sluice.transaction.outcome': 'committed' });
});
