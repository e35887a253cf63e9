// The shapes of what the API gives, for whoever reads or checks this code.

/**
 * @typedef {{
 *   id: string, name: string, model: string, endpoint_url: string, archived: boolean, is_important: boolean, folder: string | null,
 *   mode: string | null, message_count: number, revision: number, created_at: string, last_message_at: string | null,
 *   forked_from: string | null, total_input_tokens: number, total_output_tokens: number, incognito: boolean, extra: any,
 * }} Session
 */

/**
 * @typedef {{
 *   id: string, seq: number, role: string, content: string | any[] | null, html: (string | null)[], tool_calls: any[] | null,
 *   tool_call_id: string | null, name: string | null, metadata: any, tokens: number | null, created_at: string,
 *   edited_at: string | null, version_group: string | null, attachments: Place[],
 * }} Message
 */

/** @typedef {{path: (string | number)[], digest: string, size: number, media_type: string, form: string, inline: boolean}} Place */

/** @typedef {{session_id: string, session_name: string, snippet: string, highlights: [number, number][], message: Message}} Hit */

export {};
