namespace MedPeft.Samples.Phantoms;

/// <summary>Writes cohorts of phantoms in the layout of any of the three data sets, so that code meant for them runs on made-up patients.</summary>
public static class PhantomData
{
    /// <summary>Draws and writes a cohort. Lists never share a patient.</summary>
    /// <param name="layout">As whose data set.</param>
    /// <param name="folder">Where to; created when missing. Files of the same names are replaced.</param>
    /// <param name="options">Who.</param>
    /// <param name="lists">Name and number of images of each list or table; see the writer of the layout. Null: <see cref="Lists"/> of the number of images.</param>
    /// <param name="progress">Images written so far.</param>
    /// <param name="cancellation">Stops between two images.</param>
    /// <returns>The images of each list.</returns>
    public static IReadOnlyDictionary<string, IReadOnlyList<PhantomVisit>> Write(
        PhantomLayout layout,
        string folder,
        CohortOptions options,
        IReadOnlyList<(string Name, int Images)>? lists = null,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        lists ??= Lists(layout, options.Images);
        return layout switch
        {
            PhantomLayout.CheXpert => PhantomCheXpert.Write(folder, options, lists, progress, cancellation),
            PhantomLayout.Rsna => PhantomRsna.Write(folder, options, lists, progress, cancellation),
            _ => PhantomNih.Write(folder, options, lists, progress, cancellation),
        };
    }

    /// <summary>The lists of a layout by their usual names: 70 % to learn from, 10 % to validate, 20 % to test.</summary>
    public static IReadOnlyList<(string Name, int Images)> Lists(PhantomLayout layout, int images)
    {
        var (train, validation) = (images * 7 / 10, images / 10);
        string[] names = layout switch
        {
            PhantomLayout.CheXpert => ["train.csv", "valid.csv", "test_labels.csv"],
            PhantomLayout.Rsna => ["RSNA_train.txt", "RSNA_val.txt", "RSNA_test.txt"],
            _ => ["train_list.txt", "val_list.txt", "test_list.txt"],
        };
        return [(names[0], train), (names[1], validation), (names[2], images - train - validation)];
    }
}
