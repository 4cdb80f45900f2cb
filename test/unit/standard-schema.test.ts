import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { aValidator, type StandardSchema, validated, type Validator } from '../../src/payload/index.ts';
import { rejection } from '../support/settled.ts';

/** As libraries make them; what it says of a value contains the value. */
function schema<Output>(parse: (value: unknown) => Output, path: readonly PropertyKey[], isAsync = false) {
  const validate = (value: unknown) => {
    try {
      return { value: parse(value) };
    } catch {
      return { issues: [{ message: `got ${String(value)}`, path: path.map((key) => ({ key })), input: value }] };
    }
  };
  const standard: StandardSchema<string, Output> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: isAsync ? (value) => Promise.resolve(validate(value)) : validate,
    },
  };
  return standard;
}

function positive(value: unknown): number {
  if (!(Number(value) > 0)) throw new TypeError('not positive');
  return Number(value);
}

describe('a validator', () => {
  it.each<[string, Validator<unknown, number>]>([
    ['a Standard Schema', schema(positive, [])],
    ['one that is async', schema(positive, [], true)],
    ['a function', positive],
    ['an async function', async (value) => positive(value)],
  ])('gives the value to use: %s', async (_, validator) => {
    const value = await validated('The payload', validator, '7');
    expectTypeOf(value).toEqualTypeOf<number>();
    expect(value).toBe(7);
    expect(aValidator(validator)).toBeUndefined();
  });

  it.each([false, true])('says where a value is wrong, and never what it is (async: %s)', async (isAsync) => {
    const error = await rejection(validated('The payload', schema(positive, ['lines', 0, 'price'], isAsync), 'secret'));
    expect(error).toMatchObject({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('The payload does not pass its validator at "lines.0.price"'),
    });
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('secret');
  });

  it('keeps what a function throws as the cause', async () => {
    const error = await rejection(validated('The payload', positive, -1));
    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', cause: { message: 'not positive' } });
  });

  it('bounds the places that are named', async () => {
    const path = Array.from({ length: 1_000 }, () => 'x'.repeat(1_000));
    expect(String(await rejection(validated('The payload', schema(positive, path), 0))).length).toBeLessThan(500);
  });

  it.each([null, 1, 'text', {}, { '~standard': {} }])('is not: %s', (value) => {
    expect(aValidator(value)).toContain('Standard Schema');
  });
});
