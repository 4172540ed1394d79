namespace Chat.Cells.Bench.Generator;

internal enum ConnectionState : byte
{
    Closed,
    Connecting,
    Upgrading,

    /// <summary>Upgraded; <c>sync</c> was sent.</summary>
    Syncing,

    /// <summary>In sync: takes live frames.</summary>
    Live,
}

/// <summary>One client. Plain data, moved by <see cref="Fleet"/>.</summary>
internal sealed class Connection(int index, byte[] upgrade)
{
    public int Index { get; } = index;

    /// <summary>The upgrade request, as it goes out.</summary>
    public byte[] Upgrade { get; } = upgrade;

    /// <summary>The only channel that it talks in; empty for one that only listens.</summary>
    public string Channel { get; set; } = "";

    public ConnectionState State { get; set; }

    public int Fd { get; set; } = -1;

    /// <summary>Part of a frame that hasn't come whole; null most of the time.</summary>
    public byte[]? Partial { get; set; }

    /// <summary>What the socket had no room for; null nearly always.</summary>
    public byte[]? Unsent { get; set; }

    /// <summary>The last cursor, as text.</summary>
    public byte[] Cursor { get; } = new byte[64];

    public int CursorLength { get; set; }

    /// <summary>A cursor has come that wasn't acked.</summary>
    public bool CursorIsNew { get; set; }

    /// <summary>The highest message id of its channel, as text of 26 characters.</summary>
    public byte[] After { get; } = new byte[26];

    public bool HasAfter { get; set; }

    /// <summary>The number of its last send, and of the last that was answered.</summary>
    public long LastSent { get; set; } = -1;

    public long LastAnswered { get; set; } = -1;

    /// <summary>Attempts to connect that failed in a row.</summary>
    public int Failures { get; set; }
}
