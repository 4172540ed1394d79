namespace Chat.Cells.LocalCluster.ApiServer.Apply;

/// <summary>What a schema makes of a value for server-side apply: its fields, what differs between two states, merging and removing.</summary>
internal static class TypedFields
{
    /// <summary>The fields of a value.</summary>
    public static FieldSet Of(JsonNode? value, Schema? schema)
    {
        var set = new FieldSet();
        Add(value, schema, set);
        set.IsMember = false;
        return set;
    }

    /// <summary>The fields of <paramref name="after"/> that are new or have another value than in <paramref name="before"/>.</summary>
    public static FieldSet Changed(JsonNode? before, JsonNode? after, Schema? schema)
    {
        var set = new FieldSet();
        AddChanged(before, after, schema, set);
        set.IsMember = false;
        return set;
    }

    /// <summary>Lays an applied configuration over a live value.</summary>
    public static JsonNode? Merge(JsonNode? live, JsonNode? applied, Schema? schema)
    {
        switch (live, applied)
        {
            case (JsonObject l, JsonObject a) when schema is not { AtomicMap: true }:
                var merged = (JsonObject)l.DeepClone();
                foreach (var (name, value) in a)
                {
                    merged[name] = l.TryGetPropertyValue(name, out var current) ? Merge(current, value, schema?.Member(name)) : value?.DeepClone();
                }

                return merged;
            case (JsonArray l, JsonArray a) when schema is { ListKind: not ListKind.Atomic }:
                return MergeList(l, a, schema);
            default:
                return applied?.DeepClone();
        }
    }

    /// <summary>Takes fields out of a value, except where <paramref name="keep"/> still has something at or below them.</summary>
    public static void Remove(JsonNode? value, Schema? schema, FieldSet remove, FieldSet keep)
    {
        foreach (var (element, below) in remove.Children)
        {
            var kept = keep.Children.GetValueOrDefault(element);
            if (value is JsonObject o && element.StartsWith("f:", StringComparison.Ordinal))
            {
                var name = element[2..];
                if (!o.TryGetPropertyValue(name, out var member))
                {
                    continue;
                }

                if (below.IsMember && kept is null)
                {
                    o.Remove(name);
                    continue;
                }

                Remove(member, schema?.Member(name), below, kept ?? new FieldSet());
                if (kept is null && member is JsonObject { Count: 0 } or JsonArray { Count: 0 } && below.Children.Count > 0)
                {
                    o.Remove(name);
                }
            }
            else if (value is JsonArray a && schema is not null)
            {
                var index = IndexOf(a, element, schema);
                if (index < 0)
                {
                    continue;
                }

                if (below.IsMember && kept is null)
                {
                    a.RemoveAt(index);
                }
                else
                {
                    Remove(a[index], schema.Items, below, kept ?? new FieldSet());
                }
            }
        }
    }

    /// <summary>The first unknown field of a value, or an item without its keys, in the words of the real server; null when all is known.</summary>
    public static string? Problem(JsonNode? value, Schema schema, string path = "")
    {
        switch (value)
        {
            case JsonObject o:
                foreach (var (name, member) in o)
                {
                    if (schema.Member(name) is not { } known)
                    {
                        return $"{path}.{name}: field not declared in schema";
                    }

                    if (Problem(member, known, $"{path}.{name}") is { } inner)
                    {
                        return inner;
                    }
                }

                return null;
            case JsonArray a:
                var seen = new HashSet<string>(StringComparer.Ordinal);
                foreach (var item in a)
                {
                    var element = schema.ListKind == ListKind.Atomic ? null : Element(item, schema);
                    if (schema.ListKind == ListKind.Map && element is null)
                    {
                        return $"{path}: element 0: associative list with keys has an element that omits key field {string.Join(", ", schema.ListKeys.Select(k => $"\"{k}\""))} (and doesn't have default value)";
                    }

                    if (element is not null && !seen.Add(element))
                    {
                        return $"{path}: duplicate entries for key [{element[2..].Trim('{', '}').Replace("\":", "=", StringComparison.Ordinal).TrimStart('"')}]";
                    }

                    if (schema.Items is not null && Problem(item, schema.Items, $"{path}[{(element is null ? "" : element[2..])}]") is { } inner)
                    {
                        return inner;
                    }
                }

                return null;
            default:
                return null;
        }
    }

    private static void Add(JsonNode? value, Schema? schema, FieldSet node)
    {
        switch (value)
        {
            case JsonObject o when schema is not { AtomicMap: true }:
                foreach (var (name, member) in o)
                {
                    var child = node.Child("f:" + name);
                    Add(member, schema?.Member(name), child);
                    // Keys of free maps are fields by themselves; members of structures only through what is in them.
                    if (member is null or JsonObject { Count: 0 } || schema is null || !schema.Properties.ContainsKey(name))
                    {
                        child.IsMember = true;
                    }

                    if (child.IsEmpty)
                    {
                        node.Children.Remove("f:" + name);
                    }
                }

                break;
            case JsonArray a when schema is { ListKind: not ListKind.Atomic }:
                foreach (var item in a)
                {
                    if (Element(item, schema) is { } element)
                    {
                        var child = node.Child(element);
                        child.IsMember = true;
                        if (schema.ListKind == ListKind.Map)
                        {
                            Add(item, schema.Items, child);
                        }
                    }
                }

                break;
            default:
                node.IsMember = true;
                break;
        }
    }

    private static void AddChanged(JsonNode? before, JsonNode? after, Schema? schema, FieldSet node)
    {
        switch (before, after)
        {
            case (JsonObject b, JsonObject a) when schema is not { AtomicMap: true }:
                foreach (var (name, member) in a)
                {
                    var child = node.Child("f:" + name);
                    var known = schema?.Member(name);
                    if (b.TryGetPropertyValue(name, out var was))
                    {
                        AddChanged(was, member, known, child);
                    }
                    else
                    {
                        AddNew(member, known, child, isField: schema is not null && schema.Properties.ContainsKey(name));
                    }

                    if (child.IsEmpty)
                    {
                        node.Children.Remove("f:" + name);
                    }
                }

                break;
            case (JsonArray b, JsonArray a) when schema is { ListKind: not ListKind.Atomic }:
                foreach (var item in a)
                {
                    if (Element(item, schema) is not { } element)
                    {
                        continue;
                    }

                    var at = IndexOf(b, element, schema);
                    var child = node.Child(element);
                    if (at < 0)
                    {
                        AddNew(item, schema.ListKind == ListKind.Map ? schema.Items : null, child, isField: false);
                    }
                    else if (schema.ListKind == ListKind.Map)
                    {
                        AddChanged(b[at], item, schema.Items, child);
                    }

                    if (child.IsEmpty)
                    {
                        node.Children.Remove(element);
                    }
                }

                break;
            default:
                if (!JsonNodes.Same(before, after))
                {
                    Add(after, schema, node);
                    node.IsMember = true;
                }

                break;
        }
    }

    private static void AddNew(JsonNode? value, Schema? schema, FieldSet node, bool isField)
    {
        Add(value, schema, node);
        if (!isField || value is null or JsonObject { Count: 0 } || schema is { AdditionalProperties: not null })
        {
            node.IsMember = true;
        }
    }

    private static JsonArray MergeList(JsonArray live, JsonArray applied, Schema schema)
    {
        var result = new JsonArray();
        var wanted = applied.Select(i => Element(i, schema)).ToList();
        var done = new HashSet<string>(StringComparer.Ordinal);
        var next = 0;
        foreach (var item in live)
        {
            var element = Element(item, schema);
            if (element is null || !wanted.Contains(element, StringComparer.Ordinal))
            {
                result.Add(item?.DeepClone());
                continue;
            }

            // The applied order wins among what was applied; what others own keeps its place between.
            while (!done.Contains(element) && next < applied.Count)
            {
                Emit(next++);
            }
        }

        while (next < applied.Count)
        {
            Emit(next++);
        }

        return result;

        void Emit(int i)
        {
            var element = wanted[i];
            var at = element is null ? -1 : IndexOf(live, element, schema);
            result.Add(at >= 0 && schema.ListKind == ListKind.Map ? Merge(live[at], applied[i], schema.Items) : applied[i]?.DeepClone());
            if (element is not null)
            {
                done.Add(element);
            }
        }
    }

    private static int IndexOf(JsonArray list, string element, Schema schema)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (string.Equals(Element(list[i], schema), element, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The path element of a list item; null when it lacks its keys.</summary>
    internal static string? Element(JsonNode? item, Schema schema)
    {
        if (schema.ListKind == ListKind.Set)
        {
            return "v:" + JsonText.Print(item);
        }

        var keys = new JsonObject();
        var found = false;
        foreach (var key in schema.ListKeys.Order(StringComparer.Ordinal))
        {
            if ((item.At(key) ?? schema.Items?.Member(key)?.Default) is { } value)
            {
                keys[key] = value.DeepClone();
                found = true;
            }
        }

        return found ? "k:" + JsonText.Print(keys) : null;
    }
}
