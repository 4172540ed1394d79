namespace Chat.Cells.Protocol;

/// <summary>The sizes and times that client and server agree on.</summary>
public static class ProtocolLimits
{
    /// <summary>The WebSocket subprotocol's name.</summary>
    public const string Subprotocol = "chat.cells.v1";

    /// <summary>Prefix of the one-use ticket a browser offers as a second subprotocol: <c>ticket.{userId}.{secret}</c>.</summary>
    public const string TicketSubprotocolPrefix = "ticket.";

    /// <summary>The longest text, in Unicode code points.</summary>
    public const int MaxTextCodePoints = 100_000;

    /// <summary>The longest text, in UTF-8 bytes.</summary>
    public const int MaxTextBytes = 400_000;

    /// <summary>The largest frame a server reads, in bytes: the longest text with every character escaped (<c>\uXXXX</c>, surrogate pairs), and the envelope.</summary>
    public const int MaxFrameBytes = 1_300_000;

    /// <summary>The deepest JSON nesting a server reads.</summary>
    public const int MaxJsonDepth = 16;

    /// <summary>The longest <c>requestId</c>, in characters; printable ASCII without spaces.</summary>
    public const int MaxRequestIdLength = 64;

    /// <summary>The most members of a channel.</summary>
    public const int MaxChannelMembers = 100;

    /// <summary>The most users whose presence a socket sees at once.</summary>
    public const int MaxPresenceUsers = 200;

    /// <summary>How often a <c>typing</c> that says the same is passed on, per channel and socket; clients need not send more often.</summary>
    public static readonly TimeSpan TypingInterval = TimeSpan.FromSeconds(2);

    /// <summary>How long a user counts as typing without another word.</summary>
    public static readonly TimeSpan TypingLife = TimeSpan.FromSeconds(6);

    /// <summary>How often a client sends <c>heartbeat</c>.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(5);

    /// <summary>How long a silent socket stays open.</summary>
    public static readonly TimeSpan HeartbeatTimeout = TimeSpan.FromSeconds(30);
}
