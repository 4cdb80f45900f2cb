export type { AsJson, AsJsonList, KeptByJson, PlainJson, Unwritable } from './as-json.ts';
export { InvalidPayloadError, PayloadTooLargeError, UnserializableError } from './errors.ts';
export {
  aValidator,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  type StandardTypes,
  validated,
  type Validator,
} from './standard-schema.ts';
export { jsonOf, notWritten, toJson } from './to-json.ts';
export { hasPrototypeKey, writeJson, type WriteOptions } from './write-json.ts';
