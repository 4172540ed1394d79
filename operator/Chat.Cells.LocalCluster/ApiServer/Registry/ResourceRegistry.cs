using System.Collections.Immutable;

namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>
/// All kinds that are served now: the built-in ones and those of established CRDs. It is a function of the stored CRDs, so a restart serves the same.
/// </summary>
public sealed class ResourceRegistry
{
    private const string CrdResource = "customresourcedefinitions.apiextensions.k8s.io";
    private readonly Lock _gate = new();
    private ImmutableDictionary<string, (long Version, ResourceKind Kind)> _custom = ImmutableDictionary.Create<string, (long, ResourceKind)>(StringComparer.Ordinal);
    private ObjectIndex? _seen;

    private ImmutableArray<ResourceKind> _all = [.. BuiltInKinds.All];

    /// <summary>All kinds, built-in ones first.</summary>
    public IReadOnlyList<ResourceKind> Kinds(ObjectIndex objects)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(_seen, objects))
            {
                Refresh(objects);
                _seen = objects;
            }

            return _all;
        }
    }

    /// <summary>A kind by group and plural, or null.</summary>
    public ResourceKind? Find(ObjectIndex objects, string group, string plural) =>
        Kinds(objects).FirstOrDefault(k => string.Equals(k.Plural, plural, StringComparison.Ordinal) && string.Equals(k.Group, group, StringComparison.Ordinal));

    /// <summary>A kind by the resource part of object keys, or null.</summary>
    public ResourceKind? FindByResource(ObjectIndex objects, string resource) =>
        Kinds(objects).FirstOrDefault(k => string.Equals(k.Resource, resource, StringComparison.Ordinal));

    private void Refresh(ObjectIndex objects)
    {
        var changed = false;
        var stored = objects.List(CrdResource).ToList();
        foreach (var crd in stored)
        {
            if (_custom.TryGetValue(crd.Key.Name, out var known) && known.Version == crd.ResourceVersion)
            {
                continue;
            }

            changed = true;
            var json = crd.Parse();
            var names = CrdNamesCondition.IsTrue(json, "Established");
            _custom = names ? _custom.SetItem(crd.Key.Name, (crd.ResourceVersion, CustomKinds.Make(json))) : _custom.Remove(crd.Key.Name);
        }

        foreach (var gone in _custom.Keys.Except(stored.Select(s => s.Key.Name), StringComparer.Ordinal).ToList())
        {
            changed = true;
            _custom = _custom.Remove(gone);
        }

        if (changed)
        {
            _all = [.. BuiltInKinds.All, .. _custom.Values.Select(c => c.Kind).OrderBy(k => k.Group, StringComparer.Ordinal).ThenBy(k => k.Plural, StringComparer.Ordinal)];
        }
    }
}
