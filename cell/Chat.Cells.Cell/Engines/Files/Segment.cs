using System.Globalization;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>One segment file: a header, a checkpoint, and frames of all partitions in the order they were appended.</summary>
internal sealed class Segment(long number, IDurableFile file)
{
    public const int HeaderBytes = 16;

    private const string Suffix = ".log";
    private const ulong Magic = 0x31_47_4F_4C_54_41_48_43; // "CHATLOG1"

    private int length;

    public long Number => number;
    public IDurableFile File => file;
    public string Name => NameOf(number);

    /// <summary>The durable length: what readers may read.</summary>
    public int Length
    {
        get => Volatile.Read(ref length);
        set => Volatile.Write(ref length, value);
    }

    /// <summary>The last offset and time of each partition that has records here: what retention asks. Used by the writer only.</summary>
    public Dictionary<PartitionLog, (long Offset, long Time)> Last { get; } = [];

    public static string NameOf(long number) => number.ToString("D12", CultureInfo.InvariantCulture) + Suffix;

    /// <summary>The number in a segment's name; null for other files.</summary>
    public static long? NumberOf(string name) =>
        name.Length == 16 && name.EndsWith(Suffix, StringComparison.Ordinal) && long.TryParse(name.AsSpan(0, 12), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    public static byte[] Header(long number)
    {
        var header = new byte[HeaderBytes];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), number);
        return header;
    }
}
