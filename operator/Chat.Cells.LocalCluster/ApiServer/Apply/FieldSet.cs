namespace Chat.Cells.LocalCluster.ApiServer.Apply;

/// <summary>
/// A set of fields of an object, as managedFields records them. A node stands for one path; its children are keyed by path elements in their fieldsV1 form:
/// <c>f:name</c> (a member), <c>k:{"name":"x"}</c> (an item of a map list), <c>v:"x"</c> (an element of a set).
/// </summary>
public sealed class FieldSet
{
    /// <summary>Whether the path of this node itself is in the set.</summary>
    public bool IsMember { get; set; }

    /// <summary>The paths below.</summary>
    public SortedDictionary<string, FieldSet> Children { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether no path is in the set.</summary>
    public bool IsEmpty => !IsMember && Children.Values.All(c => c.IsEmpty);

    /// <summary>Reads fieldsV1.</summary>
    /// <exception cref="ApiException">400: it is not fieldsV1.</exception>
    public static FieldSet Read(JsonObject json)
    {
        var set = new FieldSet();
        foreach (var (element, below) in json)
        {
            if (element == ".")
            {
                set.IsMember = true;
                continue;
            }

            if (below is not JsonObject inner || element.Length < 2 || element[1] != ':')
            {
                throw ApiException.BadRequest($"metadata.managedFields: \"{element}\" is not a path element of fieldsV1");
            }

            var child = Read(inner);
            child.IsMember |= inner.Count == 0;
            set.Children[element] = child;
        }

        return set;
    }

    /// <summary>Writes fieldsV1.</summary>
    public JsonObject Write()
    {
        var json = new JsonObject();
        if (IsMember && Children.Count > 0)
        {
            json["."] = new JsonObject();
        }

        foreach (var (element, child) in Children)
        {
            if (!child.IsEmpty)
            {
                json[element] = child.Write();
            }
        }

        return json;
    }

    /// <summary>The child for a path element; made when it is missing.</summary>
    public FieldSet Child(string element)
    {
        if (!Children.TryGetValue(element, out var child))
        {
            Children[element] = child = new FieldSet();
        }

        return child;
    }

    /// <summary>A copy.</summary>
    public FieldSet Clone() => Combine(this, null, static (a, _) => a);

    /// <summary>The paths of either set.</summary>
    public FieldSet Union(FieldSet other) => Combine(this, other, static (a, b) => a || b);

    /// <summary>The paths of this set that are not in the other.</summary>
    public FieldSet Except(FieldSet other) => Combine(this, other, static (a, b) => a && !b);

    /// <summary>The paths that are in both sets.</summary>
    public FieldSet Intersect(FieldSet other) => Combine(this, other, static (a, b) => a && b);

    /// <summary>Removes a path and all below it.</summary>
    public void Remove(params ReadOnlySpan<string> path)
    {
        if (path.Length == 1)
        {
            Children.Remove(path[0]);
        }
        else if (Children.TryGetValue(path[0], out var child))
        {
            child.Remove(path[1..]);
            if (child.IsEmpty)
            {
                Children.Remove(path[0]);
            }
        }
    }

    /// <summary>All paths in the set as messages show them: <c>.spec.containers[name="a"].image</c>.</summary>
    public IEnumerable<string> Paths(string prefix = "")
    {
        if (IsMember)
        {
            yield return prefix;
        }

        foreach (var (element, child) in Children)
        {
            foreach (var path in child.Paths(prefix + Show(element)))
            {
                yield return path;
            }
        }
    }

    private static FieldSet Combine(FieldSet? a, FieldSet? b, Func<bool, bool, bool> keep)
    {
        var result = new FieldSet { IsMember = keep(a?.IsMember ?? false, b?.IsMember ?? false) };
        IEnumerable<string> elements = a?.Children.Keys ?? Enumerable.Empty<string>();
        foreach (var element in elements.Union(b?.Children.Keys ?? Enumerable.Empty<string>(), StringComparer.Ordinal))
        {
            var child = Combine(a?.Children.GetValueOrDefault(element), b?.Children.GetValueOrDefault(element), keep);
            if (!child.IsEmpty)
            {
                result.Children[element] = child;
            }
        }

        return result;
    }

    private static string Show(string element)
    {
        var text = element[2..];
        return element[0] switch
        {
            'f' => "." + text,
            'v' => $"[={text}]",
            'k' => JsonText.ParseNode(System.Text.Encoding.UTF8.GetBytes(text), null) is JsonObject keys
                ? $"[{string.Join(',', keys.Select(k => $"{k.Key}={JsonText.Print(k.Value)}"))}]"
                : $"[{text}]",
            _ => $"[{text}]",
        };
    }
}
