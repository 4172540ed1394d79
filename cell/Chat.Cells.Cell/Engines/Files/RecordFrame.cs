using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>What a frame in a segment is.</summary>
internal enum FrameKind : byte
{
    /// <summary>A record of a partition.</summary>
    Record = 1,

    /// <summary>The whole catalog (topics, next offsets, commits): the first frame of each segment, so that older segments can go.</summary>
    Checkpoint = 2,

    /// <summary>A group's commit.</summary>
    Commit = 3,

    /// <summary>A topic was created.</summary>
    Topic = 4,
}

/// <summary>
/// The form of a frame, little-endian: length of the rest after the checksum (4), CRC-32C of that rest (4), kind (1), zero (1), topic id (2), partition (4),
/// bytes of the segment that were durable when this was written (4), key length (4), offset (8), append time (8), key, value.
/// </summary>
/// <remarks>
/// The durable length tells a torn tail from a damaged disk: a frame that says "all before me was durable" proves that a bad frame before it was not torn by a crash.
/// </remarks>
internal static class RecordFrame
{
    public const int HeaderBytes = 40;
    public const int PrefixBytes = 8;

    public static byte[] Create(FrameKind kind, ushort topicId, int partition, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var frame = GC.AllocateUninitializedArray<byte>(HeaderBytes + key.Length + value.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - PrefixBytes);
        frame[8] = (byte)kind;
        frame[9] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(10), topicId);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(12), partition);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(20), key.Length);
        key.CopyTo(frame.AsSpan(HeaderBytes));
        value.CopyTo(frame.AsSpan(HeaderBytes + key.Length));
        return frame;
    }

    /// <summary>Fills in what is known only when the frame is written, and the checksum.</summary>
    public static void Seal(Span<byte> frame, int durable, long offset, long appendTime)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame[16..], durable);
        BinaryPrimitives.WriteInt64LittleEndian(frame[24..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(frame[32..], appendTime);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Checksum(frame[PrefixBytes..]));
    }

    /// <summary>The frame's whole length as its first four bytes say; -1 when that can't be.</summary>
    public static int LengthOf(ReadOnlySpan<byte> bytes, int maxRecordBytes)
    {
        var rest = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        // A checkpoint may be larger than a record; nothing is larger than this.
        var most = Math.Max(maxRecordBytes, 64 * 1024 * 1024);
        return rest < HeaderBytes - PrefixBytes || rest > most ? -1 : rest + PrefixBytes;
    }

    public static bool IsIntact(ReadOnlySpan<byte> frame)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]) != Checksum(frame[PrefixBytes..])) return false;
        var keyLength = KeyLengthOf(frame);
        return keyLength >= 0 && keyLength <= frame.Length - HeaderBytes && KindOf(frame) is >= FrameKind.Record and <= FrameKind.Topic;
    }

    public static FrameKind KindOf(ReadOnlySpan<byte> frame) => (FrameKind)frame[8];

    public static ushort TopicIdOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt16LittleEndian(frame[10..]);

    public static int PartitionOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[12..]);

    public static int DurableOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[16..]);

    public static int KeyLengthOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[20..]);

    public static long OffsetOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt64LittleEndian(frame[24..]);

    public static long TimeOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt64LittleEndian(frame[32..]);

    /// <summary>The record in a frame that is kept: slices, no copy.</summary>
    public static Ports.LogRecord ToRecord(ReadOnlyMemory<byte> frame)
    {
        var header = frame.Span;
        var keyLength = KeyLengthOf(header);
        return new Ports.LogRecord(OffsetOf(header), TimeOf(header), frame.Slice(HeaderBytes, keyLength), frame[(HeaderBytes + keyLength)..]);
    }

    /// <summary>CRC-32C (Castagnoli), by the processor's instruction where it has one.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }
        foreach (var b in bytes[(bytes.Length & ~7)..]) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
