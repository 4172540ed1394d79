namespace Chat.Cells.LocalCluster.ApiServer.Tables;

/// <summary>Shows objects as a <c>meta.k8s.io/v1</c> Table.</summary>
internal static class TableWriter
{
    private const string NameText =
        "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.";

    /// <summary>Makes a table.</summary>
    /// <param name="objects">The rows.</param>
    /// <param name="version">The version whose columns are shown.</param>
    /// <param name="metadata">The metadata of the list.</param>
    /// <param name="includeObject">The query parameter: None, Metadata or Object.</param>
    /// <param name="withColumns">Whether to define the columns, which a watch does only once.</param>
    /// <param name="now">For ages.</param>
    public static JsonObject Write(IEnumerable<JsonObject> objects, ServedVersion version, JsonObject metadata, string includeObject, bool withColumns, DateTimeOffset now)
    {
        var table = new JsonObject { ["kind"] = "Table", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata };
        table["columnDefinitions"] = withColumns ? Definitions(version) : new JsonArray();
        table["rows"] = new JsonArray([.. objects.Select(o => (JsonNode)Row(o, version, includeObject, now))]);
        return table;
    }

    /// <summary>Reduces an object to its metadata.</summary>
    public static JsonObject Partial(JsonObject value) => new()
    {
        ["kind"] = "PartialObjectMetadata",
        ["apiVersion"] = "meta.k8s.io/v1",
        ["metadata"] = value["metadata"]?.DeepClone(),
    };

    private static JsonArray Definitions(ServedVersion version)
    {
        var definitions = new JsonArray { Definition("Name", "string", "name", NameText, 0) };
        foreach (var column in version.Columns)
        {
            definitions.Add(Definition(column.Name, column.Type, column.Format, column.Description.Length > 0 ? column.Description : column.Name, column.Priority));
        }

        return definitions;
    }

    private static JsonNode Definition(string name, string type, string format, string description, int priority) => new JsonObject
    {
        ["name"] = name,
        ["type"] = type,
        ["format"] = format,
        ["description"] = description,
        ["priority"] = priority,
    };

    private static JsonObject Row(JsonObject value, ServedVersion version, string includeObject, DateTimeOffset now)
    {
        var cells = new JsonArray { value.Text("metadata", "name") };
        foreach (var column in version.Columns)
        {
            cells.Add(column.Cell(value, now));
        }

        var row = new JsonObject { ["cells"] = cells };
        if (includeObject != "None")
        {
            row["object"] = includeObject == "Object" ? value.DeepClone() : Partial(value);
        }

        return row;
    }
}
