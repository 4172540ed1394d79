using System.Buffers.Binary;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>The routing key of a statement, as the partitioner hashes it.</summary>
internal static class Routing
{
    /// <summary>One component as it is; several each as [short length][bytes][0], like Cassandra's CompositeType.</summary>
    public static byte[]? KeyOf(IReadOnlyList<int> partitionKeys, IReadOnlyList<BoundValue> values)
    {
        if (partitionKeys.Count == 0) return null;
        if (partitionKeys.Count == 1) return values[partitionKeys[0]].Bytes;
        var length = 0;
        foreach (var index in partitionKeys)
        {
            if (values[index].Bytes is not { } part) return null;
            length += part.Length + 3;
        }
        var key = new byte[length];
        var position = 0;
        foreach (var index in partitionKeys)
        {
            var part = values[index].Bytes!;
            BinaryPrimitives.WriteUInt16BigEndian(key.AsSpan(position), (ushort)part.Length);
            part.CopyTo(key, position + 2);
            position += part.Length + 3;
        }
        return key;
    }
}
