namespace Chat.Cells.Protocol;

/// <summary>The <c>type</c> of an envelope.</summary>
public static class FrameTypes
{
    // Client to server
    public const string ChatMessage = "chat_message";
    public const string EditMessage = "edit_message";
    public const string DeleteMessage = "delete_message";
    public const string Delivered = "delivered";
    public const string ReadReceipt = "read_receipt";
    public const string Heartbeat = "heartbeat";
    public const string Sync = "sync";
    public const string Auth = "auth";
    public const string PresenceSubscribe = "presence_subscribe";
    /// <summary>Both ways.</summary>
    public const string Typing = "typing";

    // Server to client
    public const string MessageAck = "message_ack";
    public const string NewMessage = "new_message";
    /// <summary>A message was edited or deleted.</summary>
    public const string MessageChanged = "message_changed";
    public const string ChannelChanged = "channel_changed";
    public const string Read = "read";
    public const string Receipt = "receipt";
    public const string Presence = "presence";
    public const string Unread = "unread";
    public const string SyncBatch = "sync_batch";
    public const string SyncReset = "sync_reset";
    public const string AuthOk = "auth_ok";
    public const string Error = "error";
}

/// <summary>The <c>code</c> of an <c>error</c> frame and of an HTTP problem document.</summary>
public static class ErrorCodes
{
    /// <summary>The frame or body can't be understood; sending it again won't help.</summary>
    public const string BadRequest = "bad_request";
    public const string UnknownType = "unknown_type";
    public const string TooLarge = "too_large";
    public const string Unauthorized = "unauthorized";
    /// <summary>Not a member, or no such channel: one answer for both.</summary>
    public const string NotMember = "not_member";
    public const string Forbidden = "forbidden";
    /// <summary>The <c>requestId</c> was used with other content.</summary>
    public const string Conflict = "conflict";
    /// <summary>The outcome is unknown or must wait for something: send the same <c>requestId</c> again after <c>retryAfter</c> ms.</summary>
    public const string Retry = "retry";
    /// <summary>Not accepted for lack of room: send the same <c>requestId</c> again after <c>retryAfter</c> ms.</summary>
    public const string Busy = "busy";
    public const string RateLimited = "rate_limited";
    public const string ChannelFull = "channel_full";
    public const string NotFound = "not_found";
    /// <summary>No such message in this channel.</summary>
    public const string UnknownMessage = "unknown_message";
    /// <summary>The message is deleted: it can't be edited any more.</summary>
    public const string Deleted = "deleted";
    public const string HandleTaken = "handle_taken";
    /// <summary>The user's home is another cell (named in the payload as <c>home</c>).</summary>
    public const string Moved = "moved";
    public const string CellUnavailable = "cell_unavailable";
}

/// <summary>WebSocket close codes.</summary>
public static class CloseCodes
{
    public const int Unauthorized = 4001;
    public const int TooSlow = 4008;
    /// <summary>The reason is the home cell's name.</summary>
    public const int Moved = 4010;
    /// <summary>The reason is the delay in ms after which to reconnect, jittered by the server.</summary>
    public const int Draining = 4013;
}
