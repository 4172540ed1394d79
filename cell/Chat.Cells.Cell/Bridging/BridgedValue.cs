using System.Buffers.Binary;
using System.Globalization;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Bridging;

/// <summary>
/// The value of a record of <c>{source}.chat.bridge.{here}</c>: the source's offset (int64, little-endian), then the source's value as it was; nothing after the
/// offset where the record was refused, so that the place in the source is kept all the same.
/// </summary>
public static class BridgedValue
{
    public static byte[] Encode(long sourceOffset, ReadOnlySpan<byte> value)
    {
        var bytes = new byte[sizeof(long) + value.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, sourceOffset);
        value.CopyTo(bytes.AsSpan(sizeof(long)));
        return bytes;
    }

    /// <exception cref="RecordFormatException">Too short.</exception>
    public static (long SourceOffset, ReadOnlyMemory<byte> Value) Decode(ReadOnlyMemory<byte> bytes) => bytes.Length >= sizeof(long)
        ? (BinaryPrimitives.ReadInt64LittleEndian(bytes.Span), bytes[sizeof(long)..])
        : throw new RecordFormatException("A bridged record is shorter than its source offset.");

    /// <summary>The commit metadata of whoever has served everything up to a source offset.</summary>
    public static string ToMetadata(long sourceOffset) => string.Create(CultureInfo.InvariantCulture, $"s={sourceOffset}");

    /// <summary>The source offset in commit metadata; null when there is none.</summary>
    public static long? PlaceFrom(string? metadata) =>
        metadata is not null && metadata.StartsWith("s=", StringComparison.Ordinal)
        && long.TryParse(metadata.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? offset
            : null;
}
