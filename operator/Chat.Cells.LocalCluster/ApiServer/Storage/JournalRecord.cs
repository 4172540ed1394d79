using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>The payload of one journal frame: the writes of one transaction, all or none.</summary>
internal static class JournalRecord
{
    /// <summary>One write: the object's new state, or its deletion (the state is then the last one).</summary>
    public readonly record struct Write(bool Deleted, StoredObject Object);

    public static byte[] Encode(IReadOnlyList<Write> writes)
    {
        using var buffer = new MemoryStream();
        using (var writer = new BinaryWriter(buffer, Encoding.UTF8))
        {
            writer.Write7BitEncodedInt(writes.Count);
            foreach (var (deleted, o) in writes)
            {
                writer.Write(deleted);
                writer.Write(o.ResourceVersion);
                writer.Write(o.Key.Resource);
                writer.Write(o.Key.Namespace);
                writer.Write(o.Key.Name);
                writer.Write7BitEncodedInt(o.Json.Length);
                writer.Write(o.Json);
            }
        }

        return buffer.ToArray();
    }

    public static IReadOnlyList<Write> Decode(ReadOnlyMemory<byte> payload)
    {
        using var reader = new BinaryReader(new MemoryStream(payload.ToArray()), Encoding.UTF8);
        var count = reader.Read7BitEncodedInt();
        var writes = new List<Write>(count);
        for (var i = 0; i < count; i++)
        {
            var deleted = reader.ReadBoolean();
            var version = reader.ReadInt64();
            var key = new ObjectKey(reader.ReadString(), reader.ReadString(), reader.ReadString());
            var json = reader.ReadBytes(reader.Read7BitEncodedInt());
            writes.Add(new Write(deleted, StoredObject.Restore(key, version, json)));
        }

        return writes;
    }
}
