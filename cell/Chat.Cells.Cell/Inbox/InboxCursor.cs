using System.Buffers.Binary;
using System.Globalization;
using System.Text.Unicode;

namespace Chat.Cells.Cell.Inbox;

/// <summary>
/// A place in a user's inbox: everything at or below it has been seen. Grows with every record; opaque to clients.
/// </summary>
/// <param name="Epoch">The user's epoch: 1, and one more for every move to another cell or remade topic.</param>
/// <param name="Bucket">The week of the append time (days since 1970 / 7); never runs backwards in an inbox partition.</param>
/// <param name="Offset">The offset in the user's inbox partition.</param>
public readonly record struct InboxCursor(int Epoch, int Bucket, long Offset) : IComparable<InboxCursor>
{
    public const int InitialEpoch = 1;

    /// <summary>Before everything.</summary>
    public static readonly InboxCursor Start = new(0, 0, -1);

    public int CompareTo(InboxCursor other)
    {
        var byEpoch = Epoch.CompareTo(other.Epoch);
        if (byEpoch != 0) return byEpoch;
        var byBucket = Bucket.CompareTo(other.Bucket);
        return byBucket != 0 ? byBucket : Offset.CompareTo(other.Offset);
    }

    public static bool operator <(InboxCursor left, InboxCursor right) => left.CompareTo(right) < 0;
    public static bool operator >(InboxCursor left, InboxCursor right) => left.CompareTo(right) > 0;
    public static bool operator <=(InboxCursor left, InboxCursor right) => left.CompareTo(right) <= 0;
    public static bool operator >=(InboxCursor left, InboxCursor right) => left.CompareTo(right) >= 0;

    /// <summary>The bucket of an append time in Unix ms.</summary>
    public static int BucketOf(long unixMilliseconds) => (int)(unixMilliseconds / (7L * 24 * 3600 * 1000));

    /// <summary>16 bytes that sort as the cursors do: what stores keep where of several cursors the highest must win.</summary>
    public byte[] ToSortableBytes()
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt32BigEndian(bytes, Epoch);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), Bucket);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), Offset + 1); // never negative
        return bytes;
    }

    /// <summary>The opposite of <see cref="ToSortableBytes"/>.</summary>
    public static InboxCursor FromSortableBytes(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadInt32BigEndian(bytes), BinaryPrimitives.ReadInt32BigEndian(bytes[4..]), BinaryPrimitives.ReadInt64BigEndian(bytes[8..]) - 1);

    /// <summary>The most bytes that the wire form has.</summary>
    public const int MaxTextLength = 11 + 1 + 11 + 1 + 20;

    /// <summary>Writes the wire form as UTF-8. False when there is no room for it.</summary>
    public bool TryFormat(Span<byte> utf8, out int written) => Utf8.TryWrite(utf8, CultureInfo.InvariantCulture, $"{Epoch}.{Bucket}.{Offset}", out written);

    /// <summary>The wire form: <c>epoch.bucket.offset</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch}.{Bucket}.{Offset}");

    public static bool TryParse(ReadOnlySpan<char> text, out InboxCursor cursor)
    {
        cursor = default;
        var first = text.IndexOf('.');
        if (first <= 0) return false;
        var rest = text[(first + 1)..];
        var second = rest.IndexOf('.');
        if (second <= 0) return false;
        if (!int.TryParse(text[..first], NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
            || !int.TryParse(rest[..second], NumberStyles.None, CultureInfo.InvariantCulture, out var bucket)
            || !long.TryParse(rest[(second + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var offset)
            || offset < -1)
        {
            return false;
        }
        cursor = new InboxCursor(epoch, bucket, offset);
        return true;
    }
}
