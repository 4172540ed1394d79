using System.Buffers.Binary;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Kafka's default partitioner for keyed records: murmur2 (seed 0x9747b28c), sign bit cleared, modulo. So any Kafka client puts a key where we do.</summary>
public static class KeyPartitioner
{
    public static int PartitionFor(ReadOnlySpan<byte> key, int partitions) => (int)((uint)(Murmur2(key) & 0x7fffffff) % (uint)partitions);

    internal static int Murmur2(ReadOnlySpan<byte> data)
    {
        const uint seed = 0x9747b28c;
        const uint m = 0x5bd1e995;
        var length = data.Length;
        var h = seed ^ (uint)length;
        while (data.Length >= 4)
        {
            var k = BinaryPrimitives.ReadUInt32LittleEndian(data) * m;
            k = (k ^ (k >> 24)) * m;
            h = (h * m) ^ k;
            data = data[4..];
        }
        switch (data.Length)
        {
            case 3:
                h ^= (uint)data[2] << 16;
                goto case 2;
            case 2:
                h ^= (uint)data[1] << 8;
                goto case 1;
            case 1:
                h = (h ^ data[0]) * m;
                break;
        }
        h = (h ^ (h >> 13)) * m;
        return (int)(h ^ (h >> 15));
    }
}
