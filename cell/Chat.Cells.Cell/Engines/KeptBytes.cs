namespace Chat.Cells.Cell.Engines;

/// <summary>
/// Copies what is kept for seconds into a few large arrays. A garbage collection moves or marks every young object that lives on, and its pause grows with them: kept as an array of its
/// own, each record and each row would be one. What <see cref="Add"/> returns never changes: no place is ever written twice, an array that is full is let go, and lives on as long
/// as anybody has a part of it. Used by one thread at a time; what it returned may be read by all.
/// </summary>
/// <param name="chunkBytes">The size of an array; at 85,000 and more it is none of the young objects.</param>
internal sealed class KeptBytes(int chunkBytes = KeptBytes.DefaultChunkBytes)
{
    public const int DefaultChunkBytes = 512 * 1024;

    private byte[] chunk = [];
    private int used;

    /// <summary>The bytes, where they stay.</summary>
    public ReadOnlyMemory<byte> Add(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > chunk.Length - used)
        {
            // As an array of its own: the rest of the chunk is still good for smaller ones.
            if (bytes.Length > chunkBytes / 8) return bytes.ToArray();
            chunk = GC.AllocateUninitializedArray<byte>(chunkBytes);
            used = 0;
        }
        var place = chunk.AsMemory(used, bytes.Length);
        bytes.CopyTo(place.Span);
        used += bytes.Length;
        return place;
    }
}
