"""OpenAI's Conversations API under `/v1/conversations`, for clients that know OpenAI and not Ithaca.

A conversation is a session, and its items are messages of it. From
https://platform.openai.com/docs/api-reference/conversations and the types of the package `openai`.
"""
