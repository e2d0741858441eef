/** Why a message was refused. Codes are negative, so that a parser's result is an offset, "incomplete" or one of these. */

export const ParseError = {
  Method: -1,
  Target: -2,
  TargetForm: -3,
  Version: -4,
  VersionUnsupported: -5,
  LineEnd: -6,
  FieldName: -7,
  SpaceBeforeColon: -8,
  ObsFold: -9,
  FieldValue: -10,
  HeadTooLarge: -11,
  TooManyFields: -12,
  ContentLength: -13,
  RepeatedContentLength: -14,
  TransferEncoding: -15,
  LengthWithTransferEncoding: -16,
  TransferEncodingVersion: -17,
  HostMissing: -18,
  HostRepeated: -19,
  Host: -20,
  HostMismatch: -21,
  UnexpectedBody: -22,
  StatusLine: -23,
  ChunkSize: -24,
  ChunkExtension: -25,
  ChunkEnd: -26,
  TrailerField: -27,
  TrailerForbidden: -28,
  TrailersTooLarge: -29,
} as const;
export type ParseErrorName = keyof typeof ParseError;

export interface ParseErrorInfo {
  /** For logs and metrics. */
  readonly name: string;
  /** What a server answers; a client answers 502 to whoever asked it. */
  readonly status: 400 | 431 | 505;
  readonly message: string;
}

const INFO: Readonly<Record<ParseErrorName, ParseErrorInfo>> = {
  Method: { name: 'method', status: 400, message: 'the method is not an upper-case token' },
  Target: { name: 'target', status: 400, message: 'the request target is malformed' },
  TargetForm: { name: 'target_form', status: 400, message: 'the form of the request target does not fit the method' },
  Version: { name: 'version', status: 400, message: 'the request line has no HTTP version' },
  VersionUnsupported: { name: 'version_unsupported', status: 505, message: 'only HTTP/1.0 and HTTP/1.1 are spoken here' },
  LineEnd: { name: 'line_end', status: 400, message: 'a line ends with something else than CR LF' },
  FieldName: { name: 'field_name', status: 400, message: 'a field name is not a token' },
  SpaceBeforeColon: { name: 'space_before_colon', status: 400, message: 'white space before the colon of a field' },
  ObsFold: { name: 'obs_fold', status: 400, message: 'a folded field line' },
  FieldValue: { name: 'field_value', status: 400, message: 'a control character in a field value' },
  HeadTooLarge: { name: 'head_too_large', status: 431, message: 'the head is too large' },
  TooManyFields: { name: 'too_many_fields', status: 431, message: 'the head has too many fields' },
  ContentLength: { name: 'content_length', status: 400, message: 'Content-Length is not one decimal number' },
  RepeatedContentLength: { name: 'repeated_content_length', status: 400, message: 'more than one Content-Length' },
  TransferEncoding: { name: 'transfer_encoding', status: 400, message: 'Transfer-Encoding is not exactly "chunked"' },
  LengthWithTransferEncoding: { name: 'length_with_transfer_encoding', status: 400, message: 'Content-Length beside Transfer-Encoding' },
  TransferEncodingVersion: { name: 'transfer_encoding_version', status: 400, message: 'Transfer-Encoding in HTTP/1.0' },
  HostMissing: { name: 'host_missing', status: 400, message: 'Host is missing' },
  HostRepeated: { name: 'host_repeated', status: 400, message: 'more than one Host' },
  Host: { name: 'host', status: 400, message: 'the host is malformed' },
  HostMismatch: { name: 'host_mismatch', status: 400, message: 'Host differs from the host that CONNECT names' },
  UnexpectedBody: { name: 'unexpected_body', status: 400, message: 'a body is announced where there can be none' },
  StatusLine: { name: 'status_line', status: 400, message: 'the status line is malformed' },
  ChunkSize: { name: 'chunk_size', status: 400, message: 'a chunk size is malformed' },
  ChunkExtension: { name: 'chunk_extension', status: 400, message: 'a chunk extension is malformed or too long' },
  ChunkEnd: { name: 'chunk_end', status: 400, message: 'a chunk does not end with CR LF' },
  TrailerField: { name: 'trailer_field', status: 400, message: 'a trailer field is malformed' },
  TrailerForbidden: { name: 'trailer_forbidden', status: 400, message: 'a trailer field that may only stand in a head' },
  TrailersTooLarge: { name: 'trailers_too_large', status: 431, message: 'the trailers are too large' },
};

const BY_CODE: readonly ParseErrorInfo[] = (Object.keys(ParseError) as ParseErrorName[])
  .toSorted((a, b) => ParseError[b] - ParseError[a])
  .map((name) => INFO[name]);

/** @param code a negative result of a parser. */
export function parseError(code: number): ParseErrorInfo {
  return BY_CODE[-code - 1] as ParseErrorInfo;
}
