using System.Buffers.Binary;

namespace Chat.Cells.Protocol;

/// <summary>
/// A message's id is a function of its log position: a ULID whose 80 low bits are the cell's number (16), the log partition's number in its cell (16, unique over
/// topics and generations) and the offset (48). So ids never collide, and a replay of the log makes the same ids again.
/// </summary>
public static class MessageId
{
    /// <exception cref="ArgumentOutOfRangeException">Time or offset is negative or needs more than 48 bits.</exception>
    public static Ulid Create(long unixMilliseconds, ushort cellNumber, ushort logPartition, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(unixMilliseconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(unixMilliseconds, 1L << 48);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, 1L << 48);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, ((ulong)unixMilliseconds << 16) | cellNumber);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], ((ulong)logPartition << 48) | (ulong)offset);
        return new Ulid(bytes);
    }

    /// <summary>The time in Unix ms.</summary>
    public static long TimeOf(Ulid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        return (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16);
    }

    /// <summary>The log position: cell number, log partition number, offset.</summary>
    public static (ushort CellNumber, ushort LogPartition, long Offset) PositionOf(Ulid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        var low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        return ((ushort)BinaryPrimitives.ReadUInt64BigEndian(bytes), (ushort)(low >> 48), (long)(low & 0xFFFF_FFFF_FFFF));
    }
}
