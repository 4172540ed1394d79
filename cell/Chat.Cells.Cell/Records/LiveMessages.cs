using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Records;

/// <summary>The presence of users that the server watches has changed.</summary>
public sealed record PresenceNotice(IReadOnlyList<PresenceNoticeItem> Items) : ServerMessage;

/// <param name="Since">When the change happened, Unix ms by the clock of the server where it did.</param>
public readonly record struct PresenceNoticeItem(PresenceSnapshot Snapshot, long Since);

/// <summary>Frames <c>typing</c> for sockets here.</summary>
public sealed record TypingNotice(IReadOnlyList<TypingNoticeItem> Items) : ServerMessage;

/// <param name="Recipients">The users whose sockets get it.</param>
public sealed record TypingNoticeItem(string ChannelId, string UserId, bool IsTyping, IReadOnlyList<string> Recipients);

/// <summary>The encoding of the messages of presence and typing.</summary>
internal static class LiveMessages
{
    private const int MaxItems = 10_000;
    private const int MaxDevices = 1_000;
    private const int MaxRecipients = 1_000;

    public static void Write(RecordWriter w, PresenceNotice notice)
    {
        w.Int(notice.Items.Count);
        foreach (var (snapshot, since) in notice.Items)
        {
            w.Text(snapshot.UserId);
            w.Byte((byte)snapshot.Status);
            w.Int(snapshot.LastActiveAt ?? 0);
            w.Texts(snapshot.Devices);
            w.Int(snapshot.Stamp);
            w.Int(since);
        }
    }

    public static void Write(RecordWriter w, TypingNotice notice)
    {
        w.Int(notice.Items.Count);
        foreach (var item in notice.Items)
        {
            w.Text(item.ChannelId);
            w.Text(item.UserId);
            w.Byte(item.IsTyping ? (byte)1 : (byte)0);
            w.Texts(item.Recipients);
        }
    }

    public static PresenceNotice ReadPresence(ref RecordReader r)
    {
        var items = new PresenceNoticeItem[Count(ref r)];
        for (var i = 0; i < items.Length; i++)
        {
            var userId = r.Text();
            var status = r.Byte();
            if (status > (byte)PresenceStatus.Online) throw new RecordFormatException($"Presence status {status} is not known.");
            var lastActiveAt = r.Int();
            var snapshot = new PresenceSnapshot(userId, (PresenceStatus)status, lastActiveAt == 0 ? null : lastActiveAt, r.Texts(MaxDevices), r.Int());
            items[i] = new PresenceNoticeItem(snapshot, r.Int());
        }
        return new PresenceNotice(items);
    }

    public static TypingNotice ReadTyping(ref RecordReader r)
    {
        var items = new TypingNoticeItem[Count(ref r)];
        for (var i = 0; i < items.Length; i++) items[i] = new TypingNoticeItem(r.Text(), r.Text(), r.Byte() == 1, r.Texts(MaxRecipients));
        return new TypingNotice(items);
    }

    private static int Count(ref RecordReader r)
    {
        var count = r.Int();
        return count <= MaxItems ? (int)count : throw new RecordFormatException($"A notice has {count} items.");
    }
}
