using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Chat.Cells.Topology;

/// <summary>
/// Valid tokens by the hash of their text. Bounded by two generations: when the young one holds half of the capacity it becomes the old one and the old one is dropped; a hit in
/// the old one moves it to the young. An entry counts only for the map that it was verified with.
/// </summary>
internal sealed class VerifiedTokens(int capacity)
{
    private readonly record struct Entry(CellMap Map, AccessToken Token);

    private readonly Lock changing = new();
    private Dictionary<UInt128, Entry> young = [];
    private Dictionary<UInt128, Entry> old = [];

    public int Count
    {
        get
        {
            lock (changing) return young.Count + old.Count;
        }
    }

    /// <summary>128 bits of the SHA-256 of a token in ASCII.</summary>
    public static UInt128 Hash(ReadOnlySpan<char> token)
    {
        Span<byte> ascii = stackalloc byte[AccessToken.MaxLength];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var length = Encoding.ASCII.GetBytes(token, ascii);
        SHA256.HashData(ascii[..length], hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    public bool TryGet(UInt128 hash, CellMap map, [NotNullWhen(true)] out AccessToken? token)
    {
        lock (changing)
        {
            token = null;
            if (!young.TryGetValue(hash, out var entry))
            {
                if (!old.Remove(hash, out entry)) return false;
                Keep(hash, entry);
            }
            if (!ReferenceEquals(entry.Map, map)) return false;
            token = entry.Token;
            return true;
        }
    }

    public void Add(UInt128 hash, CellMap map, AccessToken token)
    {
        lock (changing)
        {
            old.Remove(hash);
            Keep(hash, new Entry(map, token));
        }
    }

    private void Keep(UInt128 hash, Entry entry)
    {
        if (young.Count >= Math.Max(1, capacity / 2) && !young.ContainsKey(hash)) (old, young) = (young, []);
        young[hash] = entry;
    }
}
