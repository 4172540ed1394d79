using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Records;

/// <summary>A record of <c>chat.messages.*</c>, keyed by channel id: what the judge takes in log order.</summary>
public abstract record ChannelRecord(string ChannelId)
{
    private const byte Format = 1;

    private enum Kind : byte
    {
        Send = 1,
        Command = 2,
        Snapshot = 3,
        Receipt = 4,
        Change = 5,
    }

    public static byte[] Encode(ChannelRecord record)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(Format);
        switch (record)
        {
            case SendRecord r:
                w.Byte((byte)Kind.Send);
                w.Text(r.ChannelId);
                r.Origin.Write(w);
                w.Text(r.ContentType);
                w.Bytes(r.Content.Span);
                w.OptionalUlid(r.ReplyTo);
                w.OptionalUlid(r.After);
                w.OptionalText(r.AfterRequest);
                w.Int(r.ChannelVersion);
                break;
            case CommandRecord r:
                w.Byte((byte)Kind.Command);
                w.Text(r.ChannelId);
                r.Origin.Write(w);
                w.Byte((byte)r.Command);
                w.Byte((byte)r.Type);
                w.OptionalText(r.Name);
                w.Texts(r.UserIds);
                w.Byte((byte)r.Role);
                w.OptionalText(r.FromCell);
                break;
            case SnapshotRecord r:
                w.Byte((byte)Kind.Snapshot);
                w.Text(r.ChannelId);
                ChannelSnapshot.Write(w, r.Snapshot);
                w.Text(r.FromCell);
                break;
            case ReceiptRecord r:
                w.Byte((byte)Kind.Receipt);
                w.Text(r.ChannelId);
                w.Text(r.UserId);
                w.OptionalUlid(r.DeliveredUpTo);
                w.OptionalUlid(r.ReadUpTo);
                w.Texts(r.Authors);
                if (r.ReadCursor is { } cursor)
                {
                    w.Int(cursor.Epoch);
                    w.Int(cursor.Bucket);
                    w.Int(cursor.Offset + 1);
                }
                break;
            case ChangeRecord r:
                w.Byte((byte)Kind.Change);
                w.Text(r.ChannelId);
                r.Origin.Write(w);
                w.Ulid(r.MessageId);
                w.Byte(r.IsDeletion ? (byte)1 : (byte)0);
                w.Text(r.ContentType);
                w.Bytes(r.Content.Span);
                w.Int(r.ChannelVersion);
                break;
            default:
                throw new ArgumentException($"No encoding for {record.GetType().Name}.", nameof(record));
        }
        return scratch.ToArray();
    }

    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static ChannelRecord Decode(ReadOnlyMemory<byte> bytes)
    {
        var r = new RecordReader(bytes);
        var format = r.Byte();
        if (format != Format) throw new RecordFormatException($"Channel record format {format} is not known.");
        var kind = (Kind)r.Byte();
        var channelId = r.SharedText();
        return kind switch
        {
            Kind.Send => new SendRecord(channelId, RequestOrigin.Read(ref r), r.SharedText(), r.Bytes(), r.OptionalUlid(), r.OptionalUlid(), r.OptionalText(), (int)r.Int()),
            Kind.Command => new CommandRecord(
                channelId, RequestOrigin.Read(ref r), (ChannelCommand)r.Byte(), (ChannelType)r.Byte(), r.OptionalText(), r.Texts(1_000), (MemberRole)r.Byte(), r.OptionalText()),
            Kind.Snapshot => new SnapshotRecord(channelId, ChannelSnapshot.Read(ref r), r.Text()),
            Kind.Receipt => new ReceiptRecord(channelId, r.SharedText(), r.OptionalUlid(), r.OptionalUlid(), r.Texts(1_000), ReadCursor(ref r)),
            Kind.Change => new ChangeRecord(channelId, RequestOrigin.Read(ref r), r.Ulid(), r.Flag(), r.SharedText(), r.Bytes(), (int)r.Int()),
            _ => throw new RecordFormatException($"Channel record kind {(byte)kind} is not known."),
        };

        // Records from before read cursors end here.
        static InboxCursor? ReadCursor(ref RecordReader r) => r.AtEnd ? null : new InboxCursor((int)r.Int(), (int)r.Int(), r.Int() - 1);
    }
}

/// <summary>Who asked, and where the verdict goes.</summary>
/// <param name="ServerId">The gateway that waits for the verdict; empty when none does.</param>
public sealed record RequestOrigin(string ServerId, string UserId, string DeviceId, string RequestId)
{
    internal void Write(RecordWriter w)
    {
        w.Text(ServerId);
        w.Text(UserId);
        w.Text(DeviceId);
        w.Text(RequestId);
    }

    internal static RequestOrigin Read(ref RecordReader r) => new(r.SharedText(), r.SharedText(), r.SharedText(), r.Text());
}

/// <summary>A message to be judged.</summary>
/// <param name="Content">UTF-8.</param>
/// <param name="After">The highest id the client knew in the channel; only when the gateway verified it.</param>
/// <param name="AfterRequest">The device's previous, still unacked send in this channel.</param>
/// <param name="ChannelVersion">The membership version the client knew, when the gateway verified it; else 0.</param>
public sealed record SendRecord(
    string ChannelId,
    RequestOrigin Origin,
    string ContentType,
    ReadOnlyMemory<byte> Content,
    Ulid? ReplyTo,
    Ulid? After,
    string? AfterRequest,
    int ChannelVersion) : ChannelRecord(ChannelId);

/// <summary>An edit or the deletion of a message, to be judged.</summary>
/// <param name="ContentType">Empty for a deletion.</param>
/// <param name="Content">UTF-8; empty for a deletion.</param>
/// <param name="ChannelVersion">As in <see cref="SendRecord"/>.</param>
public sealed record ChangeRecord(
    string ChannelId, RequestOrigin Origin, Ulid MessageId, bool IsDeletion, string ContentType, ReadOnlyMemory<byte> Content, int ChannelVersion) : ChannelRecord(ChannelId);

public enum ChannelCommand : byte
{
    /// <summary>UserIds: all members but the creator (Direct: exactly one).</summary>
    Create = 1,
    Rename = 2,
    AddMembers = 3,
    RemoveMembers = 4,
    SetRole = 5,
}

/// <summary>A change of a channel asked by a user. Decided by the judge of the channel's home; elsewhere it is passed on to the home.</summary>
/// <param name="FromCell">The authenticated peer it came from by bridge; null when asked here.</param>
public sealed record CommandRecord(
    string ChannelId,
    RequestOrigin Origin,
    ChannelCommand Command,
    ChannelType Type,
    string? Name,
    IReadOnlyList<string> UserIds,
    MemberRole Role,
    string? FromCell) : ChannelRecord(ChannelId);

/// <summary>The state of a channel as its home decided; applied when its version is newer.</summary>
/// <param name="FromCell">The authenticated peer it came from.</param>
public sealed record SnapshotRecord(string ChannelId, ChannelSnapshot Snapshot, string FromCell) : ChannelRecord(ChannelId);

/// <summary>A member's pointers, as its gateway saw them.</summary>
/// <param name="Authors">The senders of the newly covered messages: who is told.</param>
/// <param name="ReadCursor">How far into the user's inbox <paramref name="ReadUpTo"/> had been read; null where it isn't known.</param>
public sealed record ReceiptRecord(string ChannelId, string UserId, Ulid? DeliveredUpTo, Ulid? ReadUpTo, IReadOnlyList<string> Authors, InboxCursor? ReadCursor = null)
    : ChannelRecord(ChannelId);

/// <summary>A channel at one version.</summary>
public sealed record ChannelSnapshot(ChannelType Type, string? Name, string Home, int Version, long CreatedAt, IReadOnlyList<SnapshotMember> Members)
{
    internal static void Write(RecordWriter w, ChannelSnapshot s)
    {
        w.Byte((byte)s.Type);
        w.OptionalText(s.Name);
        w.Text(s.Home);
        w.Int(s.Version);
        w.Int(s.CreatedAt);
        w.Int(s.Members.Count);
        foreach (var member in s.Members)
        {
            w.Text(member.UserId);
            w.Byte((byte)member.Role);
        }
    }

    internal static ChannelSnapshot Read(ref RecordReader r)
    {
        var type = (ChannelType)r.Byte();
        var name = r.OptionalText();
        var home = r.Text();
        var version = (int)r.Int();
        var createdAt = r.Int();
        var count = r.Int();
        if (count > 1_000) throw new RecordFormatException($"A snapshot has {count} members.");
        var members = new SnapshotMember[count];
        for (var i = 0; i < members.Length; i++) members[i] = new SnapshotMember(r.SharedText(), (MemberRole)r.Byte());
        return new ChannelSnapshot(type, name, home, version, createdAt, members);
    }
}

public readonly record struct SnapshotMember(string UserId, MemberRole Role);
