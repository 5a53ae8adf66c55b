"""The lab's EST server (RFC 7030) as a pure function: a small CA, a policy, and `respond`. It opens no socket.

Nothing of the client is used here: an error made once in shared code would agree with itself.
"""
