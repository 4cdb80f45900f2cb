export type { AsJson } from './as-json.ts';
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
export { toJson } from './to-json.ts';
