export { InvalidPayloadError, PayloadTooLargeError, UnserializableError } from './errors.ts';
export { aValidator, type StandardSchema, validated, type Validator } from './standard-schema.ts';
export { toJson } from './to-json.ts';
