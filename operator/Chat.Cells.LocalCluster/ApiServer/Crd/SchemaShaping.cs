namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>Pruning of unknown fields and filling in of defaults.</summary>
internal static class SchemaShaping
{
    /// <summary>Removes what the schema does not know and names it.</summary>
    /// <returns>The paths of the removed fields.</returns>
    public static IReadOnlyList<string> Prune(JsonObject value, Schema schema)
    {
        var unknown = new List<string>();
        PruneObject(value, schema, "", isResource: true, unknown);
        return unknown;
    }

    /// <summary>Fills in defaults below the root; the three header fields have none.</summary>
    public static void Default(JsonNode? value, Schema? schema)
    {
        switch (value)
        {
            case JsonObject o when schema is not null:
                foreach (var (name, member) in schema.Properties)
                {
                    // A null where null is no value counts as missing when there is a default.
                    var missing = !o.TryGetPropertyValue(name, out var current) || (current is null && !member.Nullable);
                    if (missing && member.Default is not null)
                    {
                        o[name] = member.Default.DeepClone();
                    }
                    else if (missing && current is null && o.ContainsKey(name) && !member.Nullable && member.Type.Length > 0)
                    {
                        o.Remove(name);
                    }

                    Default(o[name], member);
                }

                if (schema.AdditionalProperties is { } additional)
                {
                    foreach (var (_, member) in o.Where(p => !schema.Properties.ContainsKey(p.Key)).ToList())
                    {
                        Default(member, additional);
                    }
                }

                break;
            case JsonArray a when schema?.Items is { } items:
                foreach (var item in a)
                {
                    Default(item, items);
                }

                break;
        }
    }

    private static void PruneNode(JsonNode? value, Schema schema, string path, List<string> unknown)
    {
        switch (value)
        {
            case JsonObject o:
                PruneObject(o, schema, path, schema.EmbeddedResource, unknown);
                break;
            case JsonArray a when schema.Items is not null:
                for (var i = 0; i < a.Count; i++)
                {
                    PruneNode(a[i], schema.Items, $"{path}[{i}]", unknown);
                }

                break;
        }
    }

    private static void PruneObject(JsonObject value, Schema schema, string path, bool isResource, List<string> unknown)
    {
        foreach (var (name, member) in value.ToList())
        {
            var child = path.Length == 0 ? name : $"{path}.{name}";
            if (isResource && SchemaValidation.IsHeader(name))
            {
                continue;
            }

            if (schema.Member(name) is not { } known)
            {
                value.Remove(name);
                unknown.Add(child);
            }
            else if (!ReferenceEquals(known, Schema.Anything))
            {
                PruneNode(member, known, child, unknown);
            }
        }
    }
}
