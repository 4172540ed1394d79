namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>A resource path taken apart.</summary>
/// <param name="Group">"" for the core group.</param>
/// <param name="Version">As in <c>v1</c>.</param>
/// <param name="Namespace">"" when the path has none.</param>
/// <param name="Plural">The resource.</param>
/// <param name="Name">"" for a collection.</param>
/// <param name="Subresource">"" for the object itself.</param>
public sealed record RequestPath(string Group, string Version, string Namespace, string Plural, string Name, string Subresource)
{
    /// <summary>
    /// Reads <c>/api/v1/…</c> and <c>/apis/{group}/{version}/…</c>, with or without <c>namespaces/{ns}/</c>; null when the path is not one of a resource.
    /// </summary>
    public static RequestPath? Parse(string path)
    {
        var parts = path.Trim('/').Split('/');
        if (Array.Exists(parts, p => p.Length == 0))
        {
            return null;
        }

        var (group, version, rest) = parts switch
        {
            ["api", var v, .. var r] => ("", v, r),
            ["apis", var g, var v, .. var r] => (g, v, r),
            _ => ("", "", Array.Empty<string>()),
        };
        return rest switch
        {
            // Namespaces are themselves a resource whose subresources look like resources in a namespace.
            ["namespaces"] when group.Length == 0 => new(group, version, "", "namespaces", "", ""),
            ["namespaces", var name] when group.Length == 0 => new(group, version, "", "namespaces", name, ""),
            ["namespaces", var name, "status" or "finalize"] when group.Length == 0 => new(group, version, "", "namespaces", name, rest[2]),
            ["namespaces", var ns, var plural] => new(group, version, ns, plural, "", ""),
            ["namespaces", var ns, var plural, var name] => new(group, version, ns, plural, name, ""),
            ["namespaces", var ns, var plural, var name, var sub] => new(group, version, ns, plural, name, sub),
            [var plural] => new(group, version, "", plural, "", ""),
            [var plural, var name] => new(group, version, "", plural, name, ""),
            [var plural, var name, var sub] => new(group, version, "", plural, name, sub),
            _ => null,
        };
    }
}
