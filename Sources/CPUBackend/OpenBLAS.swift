enum OpenBLAS { static func useForGenericProducts() throws(CPUBackendError) {} }
