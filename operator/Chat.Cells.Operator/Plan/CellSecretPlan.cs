using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>The secret of a cell: made once, entries added as peers come and removed as they go, never rewritten.</summary>
internal static class CellSecretPlan
{
    public static SecretChange? Make(Observed observed, ISecretSource source, DateTimeOffset now)
    {
        var cell = observed.Cell;
        var name = cell.Metadata.Name!;
        var has = observed.Secret?.Data ?? new Dictionary<string, byte[]>();
        var add = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        if (!has.Keys.Any(CellSecretKeys.IsSigning))
        {
            // The ordinally greatest kid signs, so a kid made of the time makes the newest key sign.
            add[CellSecretKeys.Signing(now.UtcDateTime.ToString("yyyyMMdd't'HHmmss", CultureInfo.InvariantCulture))] = source.SigningKey();
        }
        void AddToken(string key)
        {
            if (!has.ContainsKey(key))
            {
                add[key] = source.Token();
            }
        }
        AddToken(CellSecretKeys.InternalToken);
        foreach (var peer in observed.Peers)
        {
            AddToken(CellSecretKeys.Peer(peer.Name));
            AddToken(CellSecretKeys.Bridge(peer.Name));
            var to = CellSecretKeys.To(peer.Name);
            if (peer.Secret.TryGetValue(CellSecretKeys.Peer(name), out var given) && !(has.TryGetValue(to, out var known) && known.AsSpan().SequenceEqual(given)))
            {
                // Not ours: the peer's own. It changes when the peer was made anew.
                add[to] = given;
            }
        }
        var peers = observed.Peers.Select(p => p.Name).ToHashSet();
        var remove = has.Keys.Where(k => CellSecretKeys.PeerOf(k) is { } peer && !peers.Contains(peer)).Order(StringComparer.Ordinal).ToList();
        if (observed.Secret is not null && add.Count == 0 && remove.Count == 0)
        {
            return null;
        }
        var empty = new V1Secret
        {
            Type = "Opaque",
            Metadata = new V1ObjectMeta
            {
                Namespace = cell.Metadata.Namespace,
                Name = Naming.CellSecret(name),
                Labels = Naming.Labels(Naming.CellSelector(name), name),
                OwnerReferences = [Naming.OwnedBy(cell)],
            },
        };
        return new SecretChange(empty, observed.Secret, add, remove);
    }
}
